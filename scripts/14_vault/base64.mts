/** The text of a field in the data of a Secret or webhook; empty for what is no text. @param field base64 */
export const fromBase64 = (field: unknown): string =>
  typeof field === 'string' ? Buffer.from(field, 'base64').toString() : ''
