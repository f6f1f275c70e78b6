import type { ChatwootSettings } from './settings.mts'

// Name and appearance of the installation: rows of Chatwoot's table installation_configs.

/** HTML that sets the colour: Chatwoot inserts DASHBOARD_SCRIPTS into every page of the dashboard. */
const styles = (colour: string): string => `<style>:root{--w-500:${colour};--color-woot:${colour}}</style>`

/** Names and values of the rows; null means Chatwoot's default. */
export const brandingOf = (settings: ChatwootSettings): Record<string, string | null> => ({
  INSTALLATION_NAME: settings.BRAND_NAME,
  BRAND_NAME: settings.BRAND_NAME,
  BRAND_URL: settings.BRAND_URL,
  WIDGET_BRAND_URL: settings.BRAND_URL,
  LOGO: settings.BRAND_LOGO ?? null,
  LOGO_DARK: settings.BRAND_LOGO_DARK ?? settings.BRAND_LOGO ?? null,
  LOGO_THUMBNAIL: settings.BRAND_LOGO_SMALL ?? settings.BRAND_LOGO ?? null,
  DASHBOARD_SCRIPTS: settings.BRAND_COLOUR === undefined ? null : styles(settings.BRAND_COLOUR),
})

/** Names of the rows that the sign-in page contains: they can be read back without an account. */
export const publicBranding = [
  'INSTALLATION_NAME',
  'BRAND_NAME',
  'LOGO',
  'LOGO_DARK',
  'LOGO_THUMBNAIL',
] as const
