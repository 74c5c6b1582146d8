/** Python's repr of values, cut to a length, as Celery shows arguments and results to people. */
import { Buffer, isUtf8 } from 'node:buffer'
import { exactText } from './python-json.ts'

/** Containers in containers that are shown; deeper ones are `[...]`. */
const depthShown = 3
const longest = 1024

/**
 * Writes a value as Celery's saferepr does: three levels deep and about 1024 characters, after which `, ...` stands.
 * @see https://docs.celeryq.dev/en/stable/reference/celery.utils.saferepr.html
 */
export function pythonRepr(value: unknown): string {
  const paper = newPaper()
  write(paper, value)
  return paper.text + paper.closers.reverse().join('')
}

/** As `pythonRepr`, of a list that is a tuple in Python: the positional arguments. */
export function tupleRepr(items: readonly unknown[]): string {
  const paper = newPaper()
  writeItems(paper, items, '(', items.length === 1 ? ',)' : ')')
  return paper.text + paper.closers.reverse().join('')
}

interface Paper {
  text: string
  left: number
  /** What ends the containers that are open, outermost first. */
  readonly closers: string[]
  full: boolean
}

function newPaper(): Paper {
  return { text: '', left: longest, closers: [], full: false }
}

/** Takes one token; the one that finds no room is dropped. */
function put(paper: Paper, token: string): void {
  if (paper.full) return
  if (paper.left <= 0) {
    paper.text += ', ...'
    paper.full = true
    return
  }
  paper.text += token
  paper.left -= token.length
}

function write(paper: Paper, value: unknown): void {
  if (paper.full) return
  if (typeof value === 'string') put(paper, quoted(value, paper.left))
  else if (typeof value !== 'object' || value === null) put(paper, cut(plainText(value), paper.left))
  else writeObject(paper, value)
}

function writeObject(paper: Paper, value: object): void {
  const exact = exactText(value)
  if (exact !== undefined) put(paper, cut(exact, paper.left))
  else if (Array.isArray(value)) writeItems(paper, value, '[', ']')
  else if (value instanceof Uint8Array) put(paper, bytesText(value, paper.left))
  else if (typeof (value as { toJSON?: unknown }).toJSON === 'function') write(paper, (value as { toJSON(): unknown }).toJSON())
  else writeDict(paper, value)
}

function plainText(value: unknown): string {
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'bigint' ? String(value) : 'None'
}

/** Python takes the short form below 1e-4, with two digits of exponent. */
function numberText(value: number): string {
  if (Number.isInteger(value)) return String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const text = Math.abs(value) < 1e-4 ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

function writeItems(paper: Paper, items: readonly unknown[], start: string, end: string): void {
  if (!open(paper, start, end)) return
  for (let index = 0; index < items.length && !paper.full; index++) {
    if (index > 0) put(paper, ', ')
    write(paper, items[index])
  }
  close(paper)
}

function writeDict(paper: Paper, value: object): void {
  if (!open(paper, '{', '}')) return
  let isFirst = true
  for (const [name, item] of Object.entries(value)) {
    // JSON leaves these out.
    if (item === undefined || typeof item === 'function' || typeof item === 'symbol') continue
    if (!isFirst) put(paper, ', ')
    isFirst = false
    put(paper, quoted(name, paper.left))
    put(paper, ': ')
    write(paper, item)
    if (paper.full) break
  }
  close(paper)
}

function open(paper: Paper, start: string, end: string): boolean {
  if (paper.closers.length >= depthShown) {
    put(paper, cut(`${start}...${end}`, paper.left))
    return false
  }
  paper.closers.push(end)
  put(paper, start)
  return true
}

function close(paper: Paper): void {
  if (paper.full) return
  put(paper, paper.closers.pop() ?? '')
}

/** Only the quote itself is escaped, which is why nobody can parse this. */
function quoted(text: string, room: number): string {
  return `'${cut(text, room).replaceAll("'", "\\'")}'`
}

/** Ends at the last blank that fits, as Celery does. */
function cut(text: string, room: number): string {
  if (room <= 0 || text.length < room) return text
  const head = text.slice(0, room)
  const blank = head.lastIndexOf(' ')
  return `${blank < 0 ? head : head.slice(0, blank)}...`
}

function bytesText(value: Uint8Array, room: number): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const head = room > 0 && bytes.length > room ? bytes.subarray(0, room) : bytes
  return `b'${isUtf8(head) ? head.toString('utf8') : head.toString('hex')}${head === bytes ? '' : '...'}'`
}
