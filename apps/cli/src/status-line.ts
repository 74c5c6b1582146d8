/** One line that says how far something is: redrawn in place on a terminal, a new line per change elsewhere. */

import { harmless } from './harmless.ts'
import { type Paint, painter } from './render/paint.ts'
import { cutTo } from './render/table.ts'
import { print, type Screen } from './terminal.ts'

export class StatusLine {
  readonly #screen: Screen
  readonly #paint: Paint
  #shown = ''

  constructor(screen: Screen) {
    this.#screen = screen
    this.#paint = painter(screen)
  }

  /** @param kind `fleeting` lines are worth a place on a terminal, but no line in a log */
  show(text: string, kind?: 'fleeting'): void {
    if (text === this.#shown) return
    if (this.#screen.live) this.#screen.write(`\r\u001b[2K${this.#paint('dim', cutTo(harmless(text), this.#screen.columns))}`)
    else if (kind === undefined) print(this.#screen, text)
    this.#shown = text
  }

  /** Takes the line off a terminal. */
  clear(): void {
    if (this.#screen.live && this.#shown !== '') this.#screen.write('\r\u001b[2K')
    this.#shown = ''
  }
}
