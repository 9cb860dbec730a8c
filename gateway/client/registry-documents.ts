const rejection = 'rejection { code message field details }';
const registryFields = 'id name url project username hasPassword createdAt';
const registryPayload = `{ containerRegistry { ${registryFields} } ${rejection} }`;

/** The operations on images and on the registries that they come from; `imageFields` are those of an image. */
export function registryDocuments(imageFields: string) {
  return {
    aliasImage: `mutation AliasImage($alias: String!, $target: String!) {
      aliasImage(alias: $alias, target: $target) { alias target ${rejection} }
    }`,
    dealiasImage: `mutation DealiasImage($alias: String!) {
      dealiasImage(alias: $alias) { alias target ${rejection} }
    }`,
    forgetImage: `mutation ForgetImage($reference: String!) {
      forgetImage(reference: $reference) { image { ${imageFields} } ${rejection} }
    }`,
    rescanImages: `mutation RescanImages($registry: String) { rescanImages(registry: $registry) {
      rescans { registry images skipped { reference reason } } ${rejection}
    } }`,
    containerRegistries: `query ContainerRegistries { containerRegistries { ${registryFields} } }`,
    createContainerRegistry: `mutation CreateContainerRegistry($input: CreateContainerRegistryInput!) {
      createContainerRegistry(input: $input) ${registryPayload}
    }`,
    modifyContainerRegistry: `mutation ModifyContainerRegistry($input: ModifyContainerRegistryInput!) {
      modifyContainerRegistry(input: $input) ${registryPayload}
    }`,
    deleteContainerRegistry: `mutation DeleteContainerRegistry($name: String!) {
      deleteContainerRegistry(name: $name) ${registryPayload}
    }`,
  } as const;
}
