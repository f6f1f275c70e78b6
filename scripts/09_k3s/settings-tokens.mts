/** One sentence for a token with which K3s cannot begin a cluster and exits without a reason; else undefined. */
export function tokenProblem(token: string): string | undefined {
  if (token.startsWith('K10'))
    return 'must be the part behind the last colon of a token that begins with K10: K3s makes the rest itself'
  if (/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token))
    return 'must not have the form of a bootstrap token, six characters, a dot and sixteen: K3s takes it for one and does not start'
  return /[\s:]/.test(token) ? 'must not hold a colon or white space' : undefined
}
