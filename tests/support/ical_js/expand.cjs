// Reads calendars, one JSON object a line, and writes the busy times that ical.js finds, one JSON array a line.
const ICAL = require("./ical.cjs");
const MOST = 20000; // recurrences of a series

// The zone of times without a zone is the calendar's first one.
function seconds(time, zone) {
  if (time.zone === ICAL.Timezone.localTimezone || time.isDate) {
    time = time.clone();
    time.isDate = false;
    time.zone = zone;
  }
  return time.toUnixTime();
}

function expand({ content, end }) {
  const found = [];
  const calendar = new ICAL.Component(ICAL.parse(content));
  ICAL.TimezoneService.reset();
  const zones = calendar.getAllSubcomponents("vtimezone").map((zone) => new ICAL.Timezone(zone));
  zones.forEach((zone) => ICAL.TimezoneService.register(zone));
  const events = calendar.getAllSubcomponents("vevent").map((event) => new ICAL.Event(event));
  for (const event of events.filter((one) => !one.isRecurrenceException())) {
    for (const change of events.filter((one) => one.isRecurrenceException() && one.uid === event.uid)) {
      event.relateException(change);
    }
    if (!event.isRecurring()) {
      found.push([seconds(event.startDate, zones[0]), seconds(event.endDate, zones[0])]);
      continue;
    }
    const recurrences = event.iterator();
    for (let count = 0, next; count < MOST && (next = recurrences.next()); count++) {
      const details = event.getOccurrenceDetails(next);
      found.push([seconds(details.startDate, zones[0]), seconds(details.endDate, zones[0])]);
      if (seconds(next, zones[0]) > end) break;
    }
  }
  return found;
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    let answer;
    try {
      answer = expand(JSON.parse(line));
    } catch (error) {
      answer = String(error);
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  });
