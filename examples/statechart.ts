/**
 * A traffic light made of XState, on one node; a button on another that presses it and watches.
 *
 *   node --import tsx examples/statechart.ts
 *
 * You will see:
 *
 *   the light is red
 *   somebody presses the button
 *   the light is green, for walker 1
 *   the light is red
 *   the light is off
 */
import { assign, setup } from 'xstate';
import { at, startNode, statechart } from '../src/index.ts';

const machine = setup({
  types: {} as {
    context: { walkers: number; greenMs: number };
    events: { type: 'press' } | { type: 'off' };
    input: { greenMs: number };
  },
  delays: { green: ({ context }) => context.greenMs },
}).createMachine({
  context: ({ input }) => ({ walkers: 0, greenMs: input.greenMs }),
  initial: 'red',
  on: { off: '.off' },
  states: {
    red: {
      on: { press: { target: 'green', actions: assign({ walkers: ({ context }) => context.walkers + 1 }) } },
    },
    green: { after: { green: 'red' } },
    off: { type: 'final' },
  },
});

const Light = statechart('light', machine);

// Both nodes use one port mapper. On a machine of your own leave `epmd` out: the usual port is fine there.
const epmd = { port: Number(process.env.ERL_EPMD_PORT ?? 4369) };
const cookie = 'a secret that both know';
const street = await startNode({ name: 'street@127.0.0.1', cookie, epmd });
const button = await startNode({ name: 'button@127.0.0.1', cookie, epmd });

street.spawn(Light, [{ greenMs: 50 }], { name: 'light' });

const light = at<typeof Light>(street.name, 'light');
let presses = 0;
for await (const { value, context } of button.watch(light)) {
  console.log(`the light is ${value}${value === 'green' ? `, for walker ${context.walkers}` : ''}`);
  if (value !== 'red') continue;
  if (presses++ === 0) console.log('somebody presses the button');
  // From Erlang the same: {light, 'street@127.0.0.1'} ! press
  button.send(light, { type: presses === 1 ? 'press' : 'off' });
}

await button.stop();
await street.stop();
