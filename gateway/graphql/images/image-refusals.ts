import type { Rejection } from '@orrery/bus';

export function imageInvalid(field: string): Rejection {
  return {
    code: 'image-invalid',
    message:
      'an image is written registry/name:tag or registry/name@sha256:digest, in at most 255 characters',
    field,
  };
}

export function imageMissing(field: string): Rejection {
  return { code: 'image-unknown', message: 'there is no such image', field };
}

export function refused(rejection: Rejection): object {
  return { rejection };
}
