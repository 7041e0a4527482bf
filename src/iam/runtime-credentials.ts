/**
 * Root credentials that were given by flag, environment or file: they hold for this run and are not stored.
 */
export interface RuntimeCredential {
  readonly accountId: string;
  readonly secretAccessKey: string;
}

export class RuntimeCredentials {
  readonly #byId = new Map<string, RuntimeCredential>();

  /** Takes precedence over a stored key of the same id. */
  set(accessKeyId: string, credential: RuntimeCredential): void {
    this.#byId.set(accessKeyId, credential);
  }

  find(accessKeyId: string): RuntimeCredential | undefined {
    return this.#byId.get(accessKeyId);
  }
}
