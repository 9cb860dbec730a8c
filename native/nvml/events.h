/* What a driver says by itself: critical errors (XID) and memory errors that ECC met. */
#ifndef ORRERY_NVML_EVENTS_H
#define ORRERY_NVML_EVENTS_H

#include "reading.h"

typedef enum { EVENT_CAME, EVENT_NONE, EVENT_NOT_SUPPORTED, EVENT_FAILED } event_outcome;

/* `uuid` is "" when the driver did not say of which device it speaks. */
typedef struct {
  event_outcome outcome;
  nvml_fault failure;
  char uuid[NVML_UUID_BYTES];
  unsigned long long type, number;
} event_reading;

/* Waits up to `timeout_ms` for the next event. The set is made, for every device there is, at the first call. */
void wait_for_event(const nvml_library *library, nvmlEventSet_t *set, unsigned int timeout_ms, event_reading *event);

/* Frees the set, if there is one. */
void stop_events(const nvml_library *library, nvmlEventSet_t *set);

#endif
