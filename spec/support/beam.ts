import { describe } from 'vitest';
import { beamAvailable } from './beam-node.ts';

export type { BeamOptions, BeamValue, Epmd, OtpRelease } from './beam-node.ts';
export {
  Beam,
  beamAvailable,
  otpAvailable,
  otpCommand,
  otpRelease,
  startBeam,
  startEpmd,
} from './beam-node.ts';

/**
 * A suite that needs `erl`. Without it the suite is skipped, and says so; with BEAMISH_REQUIRE_BEAM=1 (as the
 * project's own checks run) its absence is a failure instead.
 */
export function describeBeam(title: string, suite: () => void): void {
  if (beamAvailable()) {
    describe(title, suite);
    return;
  }
  if (process.env.BEAMISH_REQUIRE_BEAM === '1') {
    throw new Error(
      `"${title}" needs erl, which is not installed, and BEAMISH_REQUIRE_BEAM=1 forbids skipping`,
    );
  }
  console.warn(`SKIPPED "${title}": erl is not installed, so nothing was tried against a real BEAM node`);
  describe.skipIf(true)(title, suite);
}
