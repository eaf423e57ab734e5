import { readFileSync } from 'node:fs';

/** Captured from the port mapper daemon of OTP 25 and nodes of OTP 23 to 29; `about` in the file tells how. */
export interface GoldenEpmd {
  readonly real_nodes: readonly {
    readonly name: string;
    readonly exchanges: readonly {
      readonly decoded: GoldenExchange;
      readonly segments: readonly { readonly from: string; readonly hex: string }[];
    }[];
  }[];
  readonly requests: readonly GoldenRequest[];
}

export interface GoldenExchange {
  readonly request: string;
  readonly port?: number;
  readonly node_type?: number;
  readonly protocol?: number;
  readonly highest_version?: number;
  readonly lowest_version?: number;
  readonly name: string;
  readonly response: Readonly<Record<string, unknown>>;
}

export interface GoldenRequest {
  readonly name: string;
  readonly request?: string;
  readonly response?: string;
  readonly connection_after?: string;
  readonly response_text?: string;
}

export const golden = JSON.parse(
  readFileSync(new URL('../golden/epmd.json', import.meta.url), 'utf8'),
) as GoldenEpmd;

export const fromHex = (hex: string): Buffer => Buffer.from(hex, 'hex');
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
