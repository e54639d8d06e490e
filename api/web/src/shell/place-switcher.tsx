import { Select } from "../controls/select";
import { navigate } from "../routing/router";
import { type Place, placeKey, placeName, placePath } from "./places";

/** Selects the organization; only shows its name if there is just one. */
export function PlaceSwitcher({ place, places }: { place: Place; places: Place[] }) {
  if (places.length === 1) return <div className="place-name">{placeName(place)}</div>;
  return (
    <div className="place-switcher">
      <Select
        label="Organization"
        isLabelHidden
        value={placeKey(place)}
        options={places.map((one) => ({ value: placeKey(one), label: placeName(one) }))}
        onChange={(key) => {
          const next = places.find((one) => placeKey(one) === key);
          if (next) navigate(placePath(next));
        }}
      />
    </div>
  );
}
