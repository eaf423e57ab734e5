/** Name look-ups. Rejections are the platform's errors (`ENOTFOUND`, ...). */
export interface Resolver {
  /** Addresses of a host, the preferred one first; at least one. */
  lookup(host: string): Promise<readonly string[]>;
  /** A and AAAA records. */
  addresses(name: string): Promise<readonly string[]>;
  /** SRV records. */
  services(name: string): Promise<readonly ServiceRecord[]>;
}

export interface ServiceRecord {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}
