/**
 * What others make of actors inside one JavaScript program: nact, and XState by itself. The exchange is that of our own
 * local rows: every message is counted and its order checked, a call is answered with its number plus one.
 */
import { assign, createActor, setup } from 'xstate';
import { serve, timed } from './serve.mjs';

serve({ nactSends, nactCalls, nactSpawns, xstateSends, xstateSpawns });

let nact;
let system;

async function startNact() {
  nact ??= await import('nact');
  system ??= nact.start();
}

/** Counts messages and checks their order; tells `done` at the last, or at the first that is wrong. */
function counting(count, { resolve, reject }) {
  let next = 1;
  return (value) => {
    if (value !== next) reject(new Error(`expected message ${next} and got ${value}`));
    next += 1;
    if (next > count) resolve();
  };
}

function settled() {
  const ends = {};
  const done = new Promise((resolve, reject) => Object.assign(ends, { resolve, reject }));
  return { done, ends };
}

/** The sender yields now and then, as that of ours does. */
async function nactSends({ count }) {
  await startNact();
  const { done, ends } = settled();
  const take = counting(count, ends);
  const sink = nact.spawnStateless(system, ({ value }) => take(value));
  const ms = await timed(async () => {
    for (let i = 1; i <= count; i++) {
      nact.dispatch(sink, { value: i });
      if (i % 1024 === 0) await new Promise(setImmediate);
    }
    await done;
  });
  nact.stop(sink);
  return ms;
}

async function nactCalls({ count }) {
  await startNact();
  const adder = nact.spawnStateless(system, ({ n, sender }) => nact.dispatch(sender, n + 1));
  const ms = await timed(async () => {
    for (let i = 1; i <= count; i++) {
      const sum = await nact.query(adder, (sender) => ({ n: i, sender }), 5_000);
      if (sum !== i + 1) throw new Error(`${i} + 1 came back as ${sum}`);
    }
  });
  nact.stop(adder);
  return ms;
}

/** Actors start, handle one message and stop, one after the other. */
async function nactSpawns({ count }) {
  await startNact();
  return timed(async () => {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => {
        const actor = nact.spawnStateless(system, () => {
          nact.stop(actor);
          resolve();
        });
        nact.dispatch(actor, {});
      });
    }
  });
}

/** One machine that counts. XState handles an event before `send` returns. */
async function xstateSends({ count }) {
  const { done, ends } = settled();
  const take = counting(count, ends);
  const machine = setup({
    actions: {
      add: assign({ last: ({ event }) => event.value }),
      take: ({ event }) => take(event.value),
    },
  }).createMachine({ context: { last: 0 }, on: { message: { actions: ['add', 'take'] } } });
  const actor = createActor(machine).start();
  const ms = await timed(async () => {
    for (let i = 1; i <= count; i++) {
      actor.send({ type: 'message', value: i });
      if (i % 1024 === 0) await new Promise(setImmediate);
    }
    await done;
  });
  if (actor.getSnapshot().context.last !== count) throw new Error('the machine lost events');
  actor.stop();
  return ms;
}

/** Machines start and are done at once, each watched until it is. */
async function xstateSpawns({ count }) {
  const machine = setup({}).createMachine({ initial: 'end', states: { end: { type: 'final' } } });
  return timed(async () => {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => {
        const actor = createActor(machine);
        actor.subscribe({ complete: resolve });
        actor.start();
      });
    }
  });
}
