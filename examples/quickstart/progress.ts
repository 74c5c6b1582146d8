/** Shows how far the work is: one line that moves on a terminal, a plain line now and then in a pipe. */

/** The part of a stream that is used. */
export interface Screen {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

export interface Progress {
  /** Say that so many are done; cheap, may be called for each of them. */
  show(done: number): void
  /** Leave the screen as it should stay. */
  end(): void
}

const barWidth = 30
/** A terminal redrawn more often than this only flickers. */
const redrawMs = 50

/** Begins to show progress towards a total. */
export function showProgress(screen: Screen, total: number, now: () => number = performance.now.bind(performance)): Progress {
  return screen.isTTY === true ? bar(screen, total, now) : lines(screen, total)
}

function bar(screen: Screen, total: number, now: () => number): Progress {
  let drawnAt = Number.NEGATIVE_INFINITY
  return {
    show(done) {
      if (done < total && now() - drawnAt < redrawMs) return
      drawnAt = now()
      const filled = total === 0 ? barWidth : Math.round((barWidth * done) / total)
      const text = `${done} of ${total} files ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`
      screen.write(`\r${text.slice(0, (screen.columns ?? 80) - 1)}\x1b[K`)
    },
    end: () => screen.write('\n'),
  }
}

/** One line for each tenth. */
function lines(screen: Screen, total: number): Progress {
  let tenth = -1
  return {
    show(done) {
      const reached = total === 0 ? 10 : Math.floor((10 * done) / total)
      if (reached === tenth) return
      tenth = reached
      screen.write(`measured ${done} of ${total} files\n`)
    },
    end() {},
  }
}
