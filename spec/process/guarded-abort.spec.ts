import { addAbortListener, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { guardedController } from '../../src/process/guarded-abort.ts';

describe('a guarded controller', () => {
  it('tells what listeners throw, at once or later, and calls the others', async () => {
    const thrown: unknown[] = [];
    const heard: string[] = [];
    const controller = guardedController((error) => thrown.push(error));
    const { signal } = controller;
    signal.addEventListener('abort', function (this: AbortSignal, event: Event) {
      heard.push(`${event.type} ${this === signal} ${signal.reason}`);
      throw 'at once';
    } as never);
    signal.addEventListener('abort', (async () => Promise.reject('later')) as never);
    signal.addEventListener('abort', { handleEvent: () => heard.push('object') } as never);
    signal.onabort = () => {
      throw 'onabort';
    };
    controller.abort('why');
    await new Promise((resolve) => setImmediate(resolve));
    expect(thrown).toEqual(['at once', 'onabort', 'later']);
    expect(heard).toEqual(['abort true why', 'object']);
  });

  it('takes listeners off, adds one once, and refuses what the platform refuses', () => {
    const heard: string[] = [];
    const { signal } = guardedController(() => {});
    const hear = (): void => void heard.push('heard');
    const object = { handleEvent: hear };
    for (let i = 0; i < 2; i++) signal.addEventListener('abort', hear);
    signal.addEventListener('abort', object as never);
    signal.addEventListener('abort', () => void heard.push('once'), { once: true });
    signal.dispatchEvent(new Event('abort'));
    expect(heard.splice(0)).toEqual(['heard', 'heard', 'once']);
    signal.removeEventListener('abort', hear);
    signal.dispatchEvent(new Event('abort'));
    expect(heard.splice(0)).toEqual(['heard']);
    signal.removeEventListener('abort', object as never);
    signal.onabort = hear;
    signal.dispatchEvent(new Event('abort'));
    signal.onabort = null;
    signal.dispatchEvent(new Event('abort'));
    expect(heard).toEqual(['heard']);
    expect(() => signal.addEventListener('abort', 5 as never)).toThrow(TypeError);
  });

  it('has a signal that the platform takes for one', async () => {
    const controller = guardedController(() => {});
    const { signal } = controller;
    expect(signal).toBeInstanceOf(AbortSignal);
    const waits = [
      delay(100_000, undefined, { signal }),
      once(new EventTarget(), 'never', { signal }),
      new Promise((_resolve, reject) => addAbortListener(signal, reject)),
    ];
    const derived = AbortSignal.any([signal, new AbortController().signal]);
    controller.abort(new Error('enough'));
    expect((await Promise.allSettled(waits)).map(({ status }) => status)).toEqual(
      waits.map(() => 'rejected'),
    );
    expect([derived.aborted, derived.reason]).toEqual([true, signal.reason]);
  });
});
