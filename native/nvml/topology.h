/* Who is joined to whom: asked once after a start, since it takes calls for every pair of devices. */
#ifndef ORRERY_NVML_TOPOLOGY_H
#define ORRERY_NVML_TOPOLOGY_H

#include "reading.h"

/* An active NVLink. The other end may be a GPU, a switch or a bridge; "" when it is not told. */
typedef struct {
  unsigned int device, link;
  char remote_bus_id[BUS_ID_BYTES];
} link_reading;

/* `level` is NVML's: 0 one board, 10 one PCIe switch, 20 several, 30 host bridge, 40 NUMA node, 50 system. */
typedef struct {
  unsigned int left, right, level;
} pair_reading;

typedef struct {
  nvml_fault failure;
  unsigned int link_count, pair_count;
  link_reading *links;
  pair_reading *pairs;
} topology_reading;

void take_topology(const nvml_library *library, topology_reading *topology);

/* Frees what take_topology allocated; harmless on a zeroed reading. */
void discard_topology(topology_reading *topology);

#endif
