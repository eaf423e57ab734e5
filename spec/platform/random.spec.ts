import { random } from '../../src/platform/random.ts';
import { randomSuite } from '../support/env/random-suite.ts';

randomSuite("the system's randomness", () => random);
