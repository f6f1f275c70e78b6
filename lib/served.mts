import { askSettled } from './again.mts'
import type { Http, HttpAnswer, HttpRequest } from './http.mts'

/**
 * Asks an application by its public name; again while the ingress, and not the application, says that nobody is
 * there: it learns of a new Ingress, and of pods that became ready, a moment after the API server.
 */
export const askByName = (
  http: Http,
  host: string,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> =>
  askSettled(
    () => http.ask(host, path, request),
    (answer) => !isNobody(answer),
  )

/** The ingress's own word: Traefik's and nginx' page for a name they do not know yet, or for pods that do not answer. */
const isNobody = ({ status, text }: HttpAnswer): boolean =>
  // An application that answers so itself does it in JSON.
  ([502, 503, 504].includes(status) && !text.startsWith('{')) ||
  (status === 404 && /^404 page not found\s*$|<center>nginx/.test(text))
