/** The part of `erlang_js` (which brings no types) that the bench uses. */
declare module 'erlang_js' {
  type Callback = (error: unknown, value: unknown) => void;
  export const Erlang: {
    term_to_binary(term: unknown, callback: Callback): void;
    binary_to_term(bytes: Uint8Array, callback: Callback): void;
    readonly OtpErlangAtom: new (name: string) => unknown;
    readonly OtpErlangBinary: new (bytes: Uint8Array) => unknown;
    readonly OtpErlangMap: new (pairs: ReadonlyMap<unknown, unknown>) => unknown;
    readonly OtpErlangList: new (elements: readonly unknown[]) => unknown;
  };
}
