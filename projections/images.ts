import { type ImageEvent, type ImageFacts, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { ImageRow } from './rows.ts';

type Known = Pick<ImageRow, 'facts' | 'platforms'>;

/** What one event does to the row of an image, or of an alias; undefined stands for one of an unknown type. */
export function projectImage(
  row: ImageRow | undefined,
  event: ImageEvent | undefined,
  at: Moment,
): ImageRow | undefined {
  if (event?.type === 'image-registered') {
    // Nodes do not report again what they have reported, so what is known of them is kept.
    const known = { facts: row?.facts ?? {}, platforms: row?.platforms ?? [] };
    return { ...begun(event.reference, at), ...withKnown(known) };
  }
  if (event?.type === 'image-aliased')
    return { ...begun(event.alias, at), ...withKnown(NOTHING), aliasOf: event.target };
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(row, event)), ...placeOf(at) };
}

const NOTHING: Known = { facts: {}, platforms: [] };

function begun(reference: string, at: Moment) {
  return {
    id: at.id,
    reference,
    isForgotten: false,
    aliasOf: null,
    registeredAtMs: instantMs(at.recordedAtMs),
    ...placeOf(at),
  };
}

function changeOf(
  row: ImageRow,
  event: Exclude<ImageEvent, { readonly type: 'image-registered' | 'image-aliased' }>,
): Partial<ImageRow> {
  switch (event.type) {
    case 'image-found':
      return withKnown({ ...row, facts: { ...row.facts, [event.node]: event.facts } });
    case 'image-gone': {
      const { [event.node]: _, ...facts } = row.facts;
      return withKnown({ ...row, facts });
    }
    case 'image-scanned':
      return withKnown({ ...row, platforms: event.platforms });
    case 'image-forgotten':
    case 'image-dealiased':
      return { isForgotten: true };
    default:
      return unreachable(event);
  }
}

/**
 * What nodes and the registry say of the image, as one: the largest size of those that are unpacked, else the
 * packed one, and the labels that the registry has, else those of the first node by name.
 */
function withKnown({ facts, platforms }: Known) {
  const agentIds = Object.keys(facts).toSorted();
  const known: readonly ImageFacts[] = agentIds.flatMap((node) => facts[node] ?? []);
  const sized = known.length === 0 ? platforms : known;
  const described = platforms[0] ?? known[0];
  const architectures = [...known, ...platforms].map(({ architecture }) => architecture);
  return {
    facts,
    platforms,
    agentIds,
    architectures: [...new Set(architectures)].toSorted(),
    sizeBytes: sized.length === 0 ? null : Math.max(...sized.map(({ sizeBytes }) => sizeBytes)),
    labels: described?.labels ?? {},
  };
}
