/* Readings and reports told to JavaScript as plain objects. Runs on the main thread only. */
#ifndef ORRERY_NVML_ANSWER_H
#define ORRERY_NVML_ANSWER_H

#include <node_api.h>

#include "reading.h"

napi_status answer_reading(napi_env env, const nvml_reading *reading, napi_value *answer);

/* `library` is the open library's handle, or null when it did not open. */
napi_status answer_open(napi_env env, const open_report *report, napi_value library, napi_value *answer);

#endif
