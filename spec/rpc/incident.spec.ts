import { expect } from 'chai';
import { incidentMessage, newIncident } from '../../lib/rpc/incident.js';

describe('rpc/incident', () => {
  it('is short, readable aloud and another one each time', () => {
    const incidents = Array.from({ length: 2000 }, newIncident);
    for (const incident of incidents) expect(incident).to.match(/^[0-9A-HJKMNP-TV-Z]{8}$/);
    expect(new Set(incidents).size).to.equal(2000);
    // Every character, in every place.
    for (let place = 0; place < 8; place++) {
      expect(new Set(incidents.map((incident) => incident[place])).size).to.equal(32);
    }
    expect(incidentMessage('7H2KQX0M')).to.match(/incident 7H2KQX0M$/);
  });
});
