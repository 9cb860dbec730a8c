import { z } from 'zod';
import { RegistryRefused, RegistryUnavailable } from './errors.ts';
import { architectureName, type ImageName } from './image-name.ts';
import {
  architectureOfTag,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  isImage,
  MANIFEST_TYPES,
} from './manifest.ts';

/** How a registry is reached. */
export interface RegistryAccess {
  /** Without a slash at its end, such as `https://registry.example.com`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** An image of one platform as its registry has it. */
export interface RegistryImage {
  /** Of its manifest. */
  readonly digest: string;
  /** Of its configuration, which is what engines call the image's id. */
  readonly configDigest: string;
  readonly architecture: string;
  /** Packed layers and the configuration. */
  readonly sizeBytes: number;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
  readonly labels: Readonly<Record<string, string>>;
}

const REQUEST_MS_MAX = 15_000;
/** A manifest or a configuration is not longer. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const WORDS_CHARACTERS_MAX = 500;
const PAGE_NAMES = 100;
const PAGES_MAX = 1_000;

const Refusal = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })),
});
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** Asks one registry by the distribution protocol (`/v2/`). @throws {RegistryRefused} | {RegistryUnavailable} */
export class RegistryClient {
  readonly #access: RegistryAccess;
  /** By scope, as the registry gave them. */
  readonly #tokens = new Map<string, string>();

  constructor(access: RegistryAccess) {
    this.#access = access;
  }

  /** Digest of what the name stands for now; undefined where the registry does not say. */
  async digest(name: ImageName, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#ask(manifestPath(name), { name, accept: MANIFEST_TYPES, signal });
    await answer.body?.cancel();
    return answer.headers.get('docker-content-digest') ?? undefined;
  }

  /** What the name stands for, one image a platform. */
  async images(name: ImageName, signal: AbortSignal): Promise<readonly RegistryImage[]> {
    const { body, digest } = await this.#manifest(name, signal);
    const index = ImageIndex.safeParse(body);
    if (!index.success) return [await this.#image(name, { body, digest }, signal)];
    const found: RegistryImage[] = [];
    for (const entry of index.data.manifests.filter(isImage)) {
      const one = { ...name, tag: undefined, digest: entry.digest };
      const manifest = await this.#manifest(one, signal);
      const image = await this.#image(name, manifest, signal);
      const architecture = entry.platform?.architecture;
      found.push(
        architecture === undefined
          ? image
          : { ...image, architecture: architectureName(architecture) },
      );
    }
    return found;
  }

  /** Names of all repositories that it tells of. */
  async repositories(signal: AbortSignal): Promise<readonly string[]> {
    const Page = z.object({ repositories: z.array(z.string()).nullable() });
    const name = { repository: '' };
    const pages = await this.#pages('/v2/_catalog', { name, signal });
    return pages.flatMap((page) => Page.parse(page).repositories ?? []);
  }

  async tags(repository: string, signal: AbortSignal): Promise<readonly string[]> {
    const Page = z.object({ tags: z.array(z.string()).nullish() });
    const pages = await this.#pages(`/v2/${repository}/tags/list`, {
      name: { repository },
      signal,
    });
    return pages.flatMap((page) => Page.parse(page).tags ?? []);
  }

  async #pages(
    path: string,
    from: { readonly name: Pick<ImageName, 'repository'>; readonly signal: AbortSignal },
  ): Promise<readonly unknown[]> {
    const pages: unknown[] = [];
    let next: string | undefined = `${path}?n=${PAGE_NAMES}`;
    while (next !== undefined && pages.length < PAGES_MAX) {
      const answer: Response = await this.#ask(next, from);
      pages.push(await this.#json(answer, path));
      next = /<(?<place>[^>]+)>;\s*rel="?next"?/.exec(answer.headers.get('link') ?? '')?.groups?.[
        'place'
      ];
      // Some name the whole address; nobody but this registry is asked.
      if (next !== undefined) {
        const { pathname, search } = new URL(next, this.#access.url);
        next = `${pathname}${search}`;
      }
    }
    return pages;
  }

  async #manifest(name: ImageName, signal: AbortSignal) {
    const path = manifestPath(name);
    const answer = await this.#ask(path, { name, accept: MANIFEST_TYPES, signal });
    const digest = answer.headers.get('docker-content-digest') ?? name.digest ?? '';
    return { body: await this.#json(answer, path), digest };
  }

  async #image(
    name: ImageName,
    manifest: { readonly body: unknown; readonly digest: string },
    signal: AbortSignal,
  ): Promise<RegistryImage> {
    const parsed = ImageManifest.safeParse(manifest.body);
    if (!parsed.success)
      throw new RegistryRefused(manifestPath(name), {
        status: 200,
        words: 'its manifest is of a kind that is not understood',
      });
    const { config, layers } = parsed.data;
    const path = `/v2/${name.repository}/blobs/${config.digest}`;
    const told = ImageConfig.safeParse(
      await this.#json(await this.#ask(path, { name, signal }), path),
    );
    const { architecture, config: described, container_config } = told.data ?? {};
    return {
      digest: manifest.digest,
      configDigest: config.digest,
      architecture:
        architecture === undefined ? architectureOfTag(name.tag) : architectureName(architecture),
      sizeBytes: layers.reduce((sum, { size }) => sum + size, config.size),
      layers,
      labels: described?.Labels ?? container_config?.Labels ?? {},
    };
  }

  async #ask(path: string, question: Question): Promise<Response> {
    const scope = scopeOf(question.name);
    const answer = await this.#send(path, question, this.#authorisation(scope));
    if (answer.status !== 401) return await this.#accepted(path, answer);
    const challenge = answer.headers.get('www-authenticate') ?? '';
    if (!/^bearer /i.test(challenge)) return await this.#accepted(path, answer);
    await answer.body?.cancel();
    this.#tokens.set(scope, await this.#token(challenge, { ...question, scope }));
    return await this.#accepted(path, await this.#send(path, question, this.#authorisation(scope)));
  }

  async #accepted(path: string, answer: Response): Promise<Response> {
    if (answer.ok) return answer;
    const text = (await answer.text()).slice(0, ANSWER_BYTES_MAX);
    throw new RegistryRefused(path, { status: answer.status, words: wordsOf(text, answer) });
  }

  async #send(path: string, { accept, signal }: Question, authorisation: string | undefined) {
    const { url } = this.#access;
    const headers: Record<string, string> = {};
    if (accept !== undefined) headers['accept'] = accept;
    if (authorisation !== undefined) headers['authorization'] = authorisation;
    return await reach(url, `${url}${path}`, { headers, signal });
  }

  #authorisation(scope: string): string | undefined {
    const token = this.#tokens.get(scope);
    if (token !== undefined) return `Bearer ${token}`;
    return basic(this.#access);
  }

  /** From the place that the registry names for it (reference: token of the advertised realm). */
  async #token(challenge: string, { scope, signal }: Question & { readonly scope: string }) {
    const parts = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value ?? '']),
    );
    const { url } = this.#access;
    const realm = URL.parse(parts.get('realm') ?? '');
    if (realm === null)
      throw new RegistryUnavailable(url, 'it wants a token and does not say whose');
    realm.searchParams.set('client_id', 'docker');
    realm.searchParams.set('offline_token', 'true');
    realm.searchParams.set('service', parts.get('service') ?? '');
    realm.searchParams.set('scope', parts.get('scope') ?? scope);
    const login = basic(this.#access);
    const headers = login === undefined ? {} : { authorization: login };
    const answer = await this.#accepted(
      'a token',
      await reach(url, realm.href, { headers, signal }),
    );
    const told = Token.parse(await this.#json(answer, 'a token'));
    return told.token ?? told.access_token ?? '';
  }

  async #json(answer: Response, what: string): Promise<unknown> {
    const length = Number(answer.headers.get('content-length') ?? 0);
    if (length > ANSWER_BYTES_MAX)
      throw new RegistryUnavailable(this.#access.url, `${what} has ${length} bytes`);
    try {
      return await answer.json();
    } catch (cause) {
      throw new RegistryUnavailable(this.#access.url, `${what} is not JSON`, { cause });
    }
  }
}

interface Question {
  readonly name: Pick<ImageName, 'repository'>;
  readonly accept?: string;
  readonly signal: AbortSignal;
}

async function reach(
  registry: string,
  address: string,
  { headers, signal }: { readonly headers: Record<string, string>; readonly signal: AbortSignal },
): Promise<Response> {
  try {
    return await fetch(address, {
      headers,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]),
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new RegistryUnavailable(registry, whyOf(cause), { cause });
  }
}

/** `fetch` says why in what caused its failure. */
function whyOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}

function wordsOf(text: string, { status, statusText }: Response): string {
  try {
    const { errors } = Refusal.parse(JSON.parse(text));
    const words = errors
      .map(({ code, message }) => message ?? code ?? '')
      .filter((one) => one !== '');
    if (words.length > 0) return words.join('; ').slice(0, WORDS_CHARACTERS_MAX);
  } catch {
    // Not in the form that registries should use: what it says is taken as it is.
  }
  const plain = text.trim().slice(0, WORDS_CHARACTERS_MAX);
  return plain === '' ? `${status} ${statusText}`.trim() : plain;
}

function manifestPath({ repository, tag, digest }: ImageName): string {
  return `/v2/${repository}/manifests/${digest ?? tag}`;
}

function scopeOf({ repository }: Pick<ImageName, 'repository'>): string {
  return repository === '' ? 'registry:catalog:*' : `repository:${repository}:pull`;
}

function basic({ username, password }: RegistryAccess): string | undefined {
  if (username === undefined || password === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
