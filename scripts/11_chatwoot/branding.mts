import type { ChatwootSettings } from './settings.mts'

// What the installation is called and looks like: rows of Chatwoot's table installation_configs.

/** Where Chatwoot puts text of ours into every page of the dashboard. */
const styles = (colour: string): string => `<style>:root{--w-500:${colour};--color-woot:${colour}}</style>`

/** Names and values of the configs; null stands for Chatwoot's own. */
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

/** Those that the sign-in page shows, so that they can be read back without an account. */
export const publicBranding = [
  'INSTALLATION_NAME',
  'BRAND_NAME',
  'LOGO',
  'LOGO_DARK',
  'LOGO_THUMBNAIL',
] as const
