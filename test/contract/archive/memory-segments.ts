import type { SegmentStore } from '@orrery/bus';

/** A store of segments in memory; passes the contract suite of the real ones. */
export class MemorySegments implements SegmentStore {
  readonly objects: Map<string, Uint8Array>;

  constructor(objects: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.objects = new Map(objects);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.objects.set(name, Uint8Array.from(bytes));
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return this.objects.get(name);
  }

  async list(): Promise<readonly string[]> {
    return [...this.objects.keys()].sort();
  }

  async remove(name: string): Promise<void> {
    this.objects.delete(name);
  }
}
