/* Readings and reports told to JavaScript as plain objects. Runs on the main thread only. */
#ifndef ORRERY_NVML_ANSWER_H
#define ORRERY_NVML_ANSWER_H

#include <node_api.h>

#include "events.h"
#include "reading.h"
#include "topology.h"

napi_status answer_reading(napi_env env, const nvml_reading *reading, napi_value *answer);

napi_status answer_topology(napi_env env, const topology_reading *topology, napi_value *answer);

napi_status answer_event(napi_env env, const event_reading *event, napi_value *answer);

/* `library` is the open library's handle, or null when it did not open. */
napi_status answer_open(napi_env env, const open_report *report, napi_value library, napi_value *answer);

#endif
