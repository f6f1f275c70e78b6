// Pure: quantities as Kubernetes writes them: `500m`, `1Gi`, `1.5e3`.

/** Bytes of a mebibyte. */
export const mebibyte = 2 ** 20

/** Bytes of a gibibyte. */
export const gibibyte = 2 ** 30

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: mebibyte,
  Gi: gibibyte,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

const quantity = /^\+?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE])?)$/

/** The number of a quantity; undefined for an absent one, and for what the API server would not accept as one. */
export function numberOf(text: string | undefined): number | undefined {
  const [, digits, exponent = '0', suffix = ''] = quantity.exec(text ?? '') ?? []
  return digits === undefined ? undefined : Number(digits) * 10 ** Number(exponent) * (factors[suffix] ?? 0)
}
