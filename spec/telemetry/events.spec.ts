import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, it, onTestFinished } from 'vitest';
import { Telemetry } from '../../src/telemetry/events.ts';

it('an event is counted, and published with the name that its node has at the time', () => {
  const heard: unknown[] = [];
  const listener = (data: unknown): void => void heard.push(data);
  const telemetry = new Telemetry('undefined@host');
  telemetry.emit('spec.told', () => {
    throw new Error('nobody listens, so nothing is put together');
  });
  subscribe('beamish:spec.told', listener);
  onTestFinished(() => void unsubscribe('beamish:spec.told', listener));
  telemetry.emit('spec.told', () => ({ what: 1 }));
  telemetry.node = 'given@host';
  telemetry.emit('spec.told', () => ({ what: 2 }));
  expect(heard).toEqual([
    { node: 'undefined@host', what: 1 },
    { node: 'given@host', what: 2 },
  ]);
  telemetry.count('spec.counted', 2);
  expect(telemetry.counters()).toEqual({ 'spec.told': 3, 'spec.counted': 2 });
});
