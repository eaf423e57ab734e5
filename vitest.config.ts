import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['spec/**/*.spec.ts'],
    setupFiles: ['spec/support/property-seed.ts'],
    // For machines that have much else to do; a test that hangs is found all the same.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // What is asked again and again until it is so: how often decides nothing, and a busy machine has the time it needs.
    expect: { poll: { interval: 20, timeout: 60_000 } },
  },
});
