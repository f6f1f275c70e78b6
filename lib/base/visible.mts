/**
 * Characters with an effect on a terminal: C0 and C1 controls (cursor, colours, clipboard), DEL, the marks that change
 * the direction of text (Unicode Bidirectional Algorithm), line and paragraph separators, which terminals do not show.
 */
const acting = /(?![\t\n])\p{Cc}|[\u200E\u200F\u202A-\u202E\u2066-\u2069\u2028\u2029]/gu

/**
 * Text of pods, hosts, kubectl and web pages is data: characters with an effect on a terminal are made visible. Tabs
 * and line ends stay.
 * @returns `␛]52;c;...␇` for what would set the clipboard
 */
export const visible = (text: string): string =>
  text.replace(acting, (character) => {
    const code = character.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '␡' : `\\u${code.toString(16).padStart(4, '0')}`
  })

/** Text for one line of Markdown: it can form no hidden link, image, code, HTML or table; a bare URL becomes a link. */
export const inMarkdown = (text: string): string =>
  visible(text)
    .replaceAll(/[\\`[\]<>|]/g, String.raw`\$&`)
    .replaceAll(/\s*\n\s*/g, ' ')

/** As inMarkdown, for text from outside: no URL in it becomes a link (GitHub Flavored Markdown 6.9, autolinks). */
export const foreignInMarkdown = (text: string): string =>
  inMarkdown(text)
    .replaceAll('://', String.raw`:\/\/`)
    .replaceAll(/\bwww(?=\.)/gi, '$&\\')
