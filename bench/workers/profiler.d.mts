export function startProfile(): Promise<void>;
export function stopProfile(): Promise<{
  readonly busyMs: number;
  readonly top: readonly (readonly [name: string, share: number])[];
  readonly bytes: number;
}>;
