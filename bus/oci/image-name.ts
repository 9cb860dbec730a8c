/** Where an image lies, as its reference says it. */
export interface ImageName {
  /** Such as `127.0.0.1:5000` or `docker.io`. */
  readonly host: string;
  /** Path within the registry, such as `team/python`. */
  readonly repository: string;
  /** `latest` where neither it nor a digest is named. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** The registry of references that name none, as container engines have it. */
const HUB = 'docker.io';
const HUB_NAMES: readonly string[] = [HUB, 'index.docker.io', 'registry-1.docker.io'];
const HUB_OFFICIAL = 'library';
const PARTS = /^(?<path>[^@]*?)(?::(?<tag>[^:/@]+))?(?:@(?<digest>sha256:[a-f0-9]{64}))?$/;

/** The first part is a registry when it looks like a host, as container engines decide it. */
export function parseImageName(reference: string): ImageName {
  const { path = reference, tag, digest } = PARTS.exec(reference)?.groups ?? {};
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  const host = isHost && !HUB_NAMES.includes(first) ? first : HUB;
  const rest = isHost ? path.slice(slash + 1) : path;
  const repository = host === HUB && !rest.includes('/') ? `${HUB_OFFICIAL}/${rest}` : rest;
  return {
    host,
    repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  };
}

/**
 * The one way to write a reference, as container engines list it: with its tag, and without the parts of
 * Docker Hub that go without saying.
 */
export function canonicalReference(reference: string): string {
  // What drivers without images call the one that they have.
  if (!/[/:.@]/.test(reference)) return reference;
  const { host, repository, tag, digest } = parseImageName(reference);
  const official = `${HUB_OFFICIAL}/`;
  const path =
    host === HUB
      ? repository.startsWith(official) && !repository.slice(official.length).includes('/')
        ? repository.slice(official.length)
        : repository
      : `${host}/${repository}`;
  return `${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  arm64: 'aarch64',
  x32: 'x86',
  i686: 'x86',
  386: 'x86',
};

/** `x86_64` for `amd64`, and so on (reference: architecture aliases). */
export function architectureName(name: string): string {
  return ARCHITECTURES[name] ?? name;
}
