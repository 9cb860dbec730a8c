/* What the stub plays, read from the scenario file; the language stands in stage.c. */
#ifndef ORRERY_NVML_STUB_STAGE_H
#define ORRERY_NVML_STUB_STAGE_H

#include "../nvml-abi.h"

enum {
  DEVICES = 128,
  RULES = 64,
  PROCESSES = 8192,
  NODES = 2,
  EVERY = -1,
  INSTANCES = 16,
  LINKS = 64,
  EVENTS = 64,
  LATER = 64,
};

typedef struct {
  char call[64];
  int device;
  nvmlReturn_t status;
  long delay_ms;
} rule;

struct nvmlDevice_st {
  unsigned int index;
  int is_mig;
  /* Of a MIG instance only. */
  int is_instance;
  unsigned int instance, slices;
  unsigned long long memory;
  char profile[32];
};

struct nvmlEventSet_st {
  unsigned int registered;
};

typedef struct {
  unsigned int device;
  nvmlProcessInfo_t process;
} placed_process;

typedef struct {
  int starts;
  unsigned int device_count, rule_count, process_count;
  char driver[NVML_VERSION_BYTES];
  struct nvmlDevice_st devices[DEVICES];
  rule rules[RULES];
  placed_process processes[PROCESSES];
  unsigned int instance_count, link_count, event_count, events_told, later_count, later_played, counts;
  struct nvmlDevice_st instances[INSTANCES];
  struct {
    unsigned int left, right;
  } links[LINKS];
  nvmlEventData_t events[EVENTS];
  struct {
    unsigned int after;
    char line[256];
  } later[LATER];
} stub_stage;


extern stub_stage stage;

/* Reads the scenario anew. False when a line of it is none. */
int load_stage(void);

/* Plays what is due now that the devices were counted once more. */
void count_on_stage(void);

#endif
