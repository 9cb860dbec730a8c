const pageFields = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount';
const quotaFields = `scope key name slots { slot occupied limit remaining }
  inGroups { resourceGroup occupiedSlots } sessions maxConcurrentSessions pendingSessions`;

/** The operations on what is held, and for how long it was. */
export const usageDocuments = {
  quotas: `query Quotas($scope: QuotaScope!, $first: Int!, $after: String) {
    quotas(scope: $scope, first: $first, after: $after) {
      edges { cursor node { ${quotaFields} } } ${pageFields}
    }
  }`,
  usage: `query Usage($from: String!, $to: String!, $by: [UsageDimension!]! = [DAY, USER, PROJECT], $filter: UsageFilter) {
    usage(from: $from, to: $to, by: $by, filter: $filter) {
      day userId userEmail projectId projectName domain resourceGroup slot slotSeconds
    }
  }`,
  quotasChanged: `subscription QuotasChanged($scope: QuotaScope!, $key: ID) {
    quotasChanged(scope: $scope, key: $key) { ${quotaFields} }
  }`,
} as const;
