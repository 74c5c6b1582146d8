/** Colours, for a screen that shows them. */
import { stripVTControlCharacters, styleText } from 'node:util'
import type { TaskState } from '@lovage/core'

type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'blue' | 'magenta' | 'dim' | 'bold'

/** Styles a text; leaves it alone where there are no colours. */
export type Paint = (style: Style, text: string) => string

/** Makes the painter for a screen. */
export function painter(screen: { readonly colours: boolean }): Paint {
  return screen.colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text
}

const stateStyles: Readonly<Record<TaskState | 'unknown', Style>> = {
  blocked: 'dim',
  scheduled: 'blue',
  pending: 'yellow',
  running: 'cyan',
  completed: 'green',
  failed: 'red',
  exception: 'magenta',
  unknown: 'dim',
}

/** Paints a task's state in its colour. */
export function paintState(paint: Paint, state: TaskState | 'unknown'): string {
  return paint(stateStyles[state] ?? 'dim', state)
}

/** How many columns a text takes, its colours not counted. */
export function textWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length
}
