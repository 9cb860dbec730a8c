const rejection = 'rejection { code message field details }';
const payload = `{ user { id email totpActivatedAt recoveryCodesLeft } ${rejection} }`;

/** The operations on codes besides the password. */
export const secondFactorDocuments = {
  enrolTotp: `mutation EnrolTotp($password: String!) {
    enrolTotp(password: $password) { secret uri recoveryCodes ${rejection} }
  }`,
  confirmTotp: `mutation ConfirmTotp($code: String!) { confirmTotp(code: $code) ${payload} }`,
  removeTotp: `mutation RemoveTotp($code: String!) { removeTotp(code: $code) ${payload} }`,
  resetTotp: `mutation ResetTotp($id: ID!) { resetTotp(id: $id) ${payload} }`,
} as const;
