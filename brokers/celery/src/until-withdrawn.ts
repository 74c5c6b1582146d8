/** Waits for what a call needs before it can begin, for as long as the call is wanted. */

/** What was asked goes on when the signal fires: others may need it, too. @throws the reason of the signal */
export async function untilWithdrawn<Answer>(asked: Promise<Answer>, signal: AbortSignal | undefined): Promise<Answer> {
  if (signal === undefined) return asked
  let withdraw: () => void = () => {}
  const withdrawn = new Promise<never>((_, reject) => {
    withdraw = () => reject(signal.reason)
  })
  signal.addEventListener('abort', withdraw, { once: true })
  try {
    if (signal.aborted) withdraw()
    return await Promise.race([asked, withdrawn])
  } finally {
    signal.removeEventListener('abort', withdraw)
  }
}
