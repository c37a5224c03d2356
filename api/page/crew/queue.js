// What the crew said and is not stored yet. Kept on the phone until the server has it; each report has an id, so sending twice is once.
export function makeQueue(token, onChange) {
  const key = `stadspuls-reports-${token}`;
  const read = () => JSON.parse(localStorage.getItem(key) ?? "[]");
  const write = (reports) => { localStorage.setItem(key, JSON.stringify(reports)); onChange(reports.length); };
  let sending = false;

  function say(report) {
    write([...read(), { report_id: crypto.randomUUID(), said_at: new Date().toISOString(), ...report }]);
    return send();
  }

  async function send() {
    const waiting = read().slice(0, 200);
    if (sending || !waiting.length) return;
    sending = true;
    try {
      const answer = await fetch("/v1/crew/reports", {
        method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${token}` }, body: JSON.stringify({ reports: waiting }),
      });
      if (!answer.ok) throw new Error((await answer.json()).detail ?? answer.statusText);
      const stored = new Set((await answer.json()).report_ids);
      write(read().filter((report) => !stored.has(report.report_id)));
    } finally {
      sending = false;
    }
    if (read().length) await send();
  }

  return { say, send, waiting: read };
}
