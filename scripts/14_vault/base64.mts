/** Decodes a base64 field of a Secret or webhook as UTF-8. @returns empty text for a field that is not a string */
export const fromBase64 = (field: unknown): string =>
  typeof field === 'string' ? Buffer.from(field, 'base64').toString() : ''
