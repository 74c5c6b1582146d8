/** Keeps the process alive while someone in it awaits something of the queue: everything else here lets it go. */

/** Longer than any wait; the timer is only there to be there. */
const longestTimer = 2_147_483_647

export class KeepAlive {
  #holds = 0
  #timer: NodeJS.Timeout | undefined

  /** Holds until the answer is called; calling it again changes nothing. */
  hold(): () => void {
    this.#holds++
    this.#timer ??= setInterval(() => {}, longestTimer)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      if (--this.#holds > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }
}
