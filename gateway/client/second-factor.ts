import type { GraphqlCaller } from './graphql.ts';
import { accepted, given } from './payload.ts';

/** Shown once: what an app reads, and codes for whoever has lost it. */
export interface EnrolledTotp {
  readonly secret: string;
  readonly uri: string;
  readonly recoveryCodes: readonly string[];
}

/** A user, as far as signing in goes. */
export interface SecondFactorUser {
  readonly id: string;
  readonly email: string;
  /** Null: the password alone is enough. */
  readonly totpActivatedAt: string | null;
  readonly recoveryCodesLeft: number;
}

/** Codes besides the password. */
export class SecondFactor {
  readonly #graphql: GraphqlCaller;

  constructor(graphql: GraphqlCaller) {
    this.#graphql = graphql;
  }

  async enrol(password: string, signal?: AbortSignal): Promise<EnrolledTotp> {
    const call = {
      operation: 'enrolTotp',
      variables: { password },
      delivery: 'once',
      signal,
    } as const;
    const payload = accepted<{ readonly [Key in keyof EnrolledTotp]: EnrolledTotp[Key] | null }>(
      await this.#graphql.call(call),
    );
    const { secret, uri, recoveryCodes } = payload;
    return { secret: given(secret), uri: given(uri), recoveryCodes: given(recoveryCodes) };
  }

  confirm(code: string, signal?: AbortSignal): Promise<SecondFactorUser> {
    return this.#change('confirmTotp', { code }, signal);
  }

  /** With a code of it, or a recovery code. */
  remove(code: string, signal?: AbortSignal): Promise<SecondFactorUser> {
    return this.#change('removeTotp', { code }, signal);
  }

  /** Somebody else's, who has lost it. */
  reset(id: string, signal?: AbortSignal): Promise<SecondFactorUser> {
    return this.#change('resetTotp', { id }, signal);
  }

  async #change(
    operation: 'confirmTotp' | 'removeTotp' | 'resetTotp',
    variables: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<SecondFactorUser> {
    const call = { operation, variables, delivery: 'once', signal } as const;
    const payload = accepted<{ user: SecondFactorUser | null }>(await this.#graphql.call(call));
    return given(payload.user);
  }
}
