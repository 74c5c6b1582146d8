/** Tells what a file is: by its first bytes, else by its name, else text or binary. */

interface Magic {
  readonly type: string
  readonly bytes: readonly number[]
  /** Where the bytes stand; default 0. */
  readonly at?: number
}

const ascii = (text: string) => [...text].map((char) => char.charCodeAt(0))

/** First bytes of well-known formats (https://en.wikipedia.org/wiki/List_of_file_signatures). */
const magics: readonly Magic[] = [
  { type: 'png', bytes: [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a] },
  { type: 'jpeg', bytes: [0xff, 0xd8, 0xff] },
  { type: 'gif', bytes: ascii('GIF8') },
  { type: 'webp', bytes: ascii('WEBP'), at: 8 },
  { type: 'pdf', bytes: ascii('%PDF-') },
  { type: 'zip', bytes: [...ascii('PK'), 3, 4] },
  { type: 'gzip', bytes: [0x1f, 0x8b] },
  { type: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { type: 'xz', bytes: [0xfd, ...ascii('7zXZ')] },
  { type: 'tar', bytes: ascii('ustar'), at: 257 },
  { type: 'elf', bytes: [0x7f, ...ascii('ELF')] },
  { type: 'wasm', bytes: [0, ...ascii('asm')] },
  { type: 'sqlite', bytes: ascii('SQLite format 3\0') },
  { type: 'woff2', bytes: ascii('wOF2') },
  { type: 'ogg', bytes: ascii('OggS') },
  { type: 'mp3', bytes: ascii('ID3') },
  { type: 'mp4', bytes: ascii('ftyp'), at: 4 },
]

const extensions: Readonly<Record<string, string>> = {
  ts: 'typescript',
  mts: 'typescript',
  cts: 'typescript',
  tsx: 'typescript',
  js: 'javascript',
  mjs: 'javascript',
  cjs: 'javascript',
  jsx: 'javascript',
  json: 'json',
  jsonc: 'json',
  jsonl: 'json lines',
  md: 'markdown',
  txt: 'text',
  html: 'html',
  css: 'css',
  svg: 'svg',
  xml: 'xml',
  yml: 'yaml',
  yaml: 'yaml',
  toml: 'toml',
  csv: 'csv',
  sql: 'sql',
  sh: 'shell',
  bash: 'shell',
  py: 'python',
  go: 'go',
  rs: 'rust',
  c: 'c',
  h: 'c',
  java: 'java',
  rb: 'ruby',
  php: 'php',
  grit: 'gritql',
}

/** Tells whether the beginning of a file looks like text: no NUL byte in it. */
export function looksLikeText(head: Uint8Array): boolean {
  return !head.includes(0)
}

/** Names the type of a file by its path and its first bytes (512 are enough). */
export function detectType(path: string, head: Uint8Array): string {
  if (head.length === 0) return 'empty'
  const magic = magics.find(({ bytes, at = 0 }) => bytes.every((byte, index) => head[at + index] === byte))
  if (magic !== undefined) return magic.type
  if (!looksLikeText(head)) return 'binary'
  const name = path.slice(path.lastIndexOf('/') + 1)
  const extension = name.includes('.') ? name.slice(name.lastIndexOf('.') + 1).toLowerCase() : ''
  const known = Object.hasOwn(extensions, extension) ? extensions[extension] : undefined
  return known ?? (head[0] === 0x23 && head[1] === 0x21 ? 'script' : 'text')
}
