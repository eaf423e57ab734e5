import { actor } from '../../src/index.ts';
import { plural } from './transforms.ts';

/** What every speaker answers: text in, text out. `greet` is for guests, and is shown on the screen. */
export interface Speaker {
  say(text: string): string;
  greet(text: unknown): string;
}

/** An actor that answers text with text. State (how often it was asked) lives in the closure. */
export const SpeakerActor = actor(
  'speaker',
  (_self, transform: (text: string) => string, onGreeting: (text: string) => void): Speaker => {
    let asked = 0;
    return {
      say: (text) => {
        asked += 1;
        return transform(String(text));
      },
      greet: (text) => {
        asked += 1;
        onGreeting(String(text));
        return `${transform(String(text))} (from Node.js ${process.versions.node}, asked ${plural(asked, 'time')})`;
      },
    };
  },
);
