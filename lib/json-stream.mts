/**
 * Cuts a stream of JSON documents, written one after another, into documents: what `kubectl get --watch -o json`
 * gives. Text may arrive cut anywhere.
 * @param onDocument called with each complete document, parsed
 * @returns a function to call with each piece of text
 */
export function jsonDocuments(onDocument: (document: unknown) => void): (text: string) => void {
  let pending = ''
  let depth = 0
  let inString = false
  let escaped = false
  return (text) => {
    let from = 0
    for (let at = 0; at < text.length; at += 1) {
      const character = text.charAt(at)
      if (escaped) escaped = false
      else if (inString) {
        if (character === '\\') escaped = true
        else if (character === '"') inString = false
      } else if (character === '"') inString = true
      else if (character === '{' || character === '[') depth += 1
      else if (character === '}' || character === ']') {
        depth -= 1
        if (depth > 0) continue
        onDocument(JSON.parse(pending + text.slice(from, at + 1)))
        pending = ''
        from = at + 1
      }
    }
    pending += text.slice(from)
  }
}
