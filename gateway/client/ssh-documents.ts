const rejection = 'rejection { code message field details }';
const keyFields = 'fingerprint algorithm publicKey label addedAt';
const keyPayload = `{ sshKey { ${keyFields} } ${rejection} }`;

/** The operations on SSH keys, and on ways into sessions that are neither code nor terminals. */
export const sshDocuments = {
  sshKeys: `query SshKeys($userId: ID) { sshKeys(userId: $userId) { ${keyFields} } }`,
  sshServer: `query SshServer { sshServer { host port hostKeys } }`,
  addSshKey: `mutation AddSshKey($input: AddSshKeyInput!) { addSshKey(input: $input) ${keyPayload} }`,
  labelSshKey: `mutation LabelSshKey($fingerprint: String!, $label: String!) {
    labelSshKey(fingerprint: $fingerprint, label: $label) ${keyPayload}
  }`,
  removeSshKey: `mutation RemoveSshKey($fingerprint: String!, $userId: ID) {
    removeSshKey(fingerprint: $fingerprint, userId: $userId) ${keyPayload}
  }`,
  forwardPort: `mutation ForwardPort($input: ForwardPortInput!) {
    forwardPort(input: $input) { ticket { url expiresAt } ${rejection} }
  }`,
} as const;
