package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testDestinations(k *kit) {
	save := func(k *kit, d store.Destination) {
		k.Helper()
		k.update(func(tx store.Tx) error { return tx.SaveDestination(&d) })
	}
	there := func(k *kit, want ...store.Destination) {
		k.Helper()
		k.lasting(func(tx store.Tx) { require.Equal(k, want, must[[]store.Destination](k)(tx.AddedDestinations())) })
	}

	k.run("one that was added comes back exactly as it was written, by name, until it is removed", func(k *kit) {
		there(k)
		a := store.Destination{
			Name: "a", KeyID: "k1", Sealed: []byte{0, 1, 255, 0}, Host: "prod-1.logic.azure.com", Hash: "0123456789abcdef",
			AddedBy: "Alice 🔥", AddedAt: at(0), RotatedBy: "Bob", RotatedAt: at(1),
		}
		b := store.Destination{Name: "b", Sealed: []byte("sealed")}
		save(k, b)
		save(k, a)
		there(k, a, b)
		a.KeyID, a.Sealed, a.RotatedBy, a.RotatedAt = "k2", []byte("anew"), "Carol", at(2)
		save(k, a)
		there(k, a, b)
		k.view(func(tx store.Tx) error {
			require.Equal(k, a, must[store.Destination](k)(tx.AddedDestination("a")))
			_, err := tx.AddedDestination("A")
			require.ErrorIs(k, err, store.ErrNotFound, "names are exact, as in the file")
			return nil
		})
		k.update(func(tx store.Tx) error { return tx.DeleteDestination("a") })
		there(k, b)
		require.ErrorIs(k, k.store.Update(k.Context(), func(tx store.Tx) error { return tx.DeleteDestination("a") }), store.ErrNotFound)
	})

	k.run("what is disabled stays so until somebody enables it, whether it was added or stands in the file", func(k *kit) {
		one := store.Disabled{Destination: "ops", By: "Alice", At: at(0)}
		other := store.Disabled{Destination: "dba", By: "Bob", At: at(1)}
		for _, d := range []store.Disabled{{Destination: "ops", By: "somebody"}, one, other} {
			k.update(func(tx store.Tx) error { return tx.Disable(&d) })
		}
		disabled := func(want ...store.Disabled) {
			k.Helper()
			k.lasting(func(tx store.Tx) { require.Equal(k, want, must[[]store.Disabled](k)(tx.DisabledDestinations())) })
		}
		disabled(other, one)
		k.update(func(tx store.Tx) error { return tx.Enable("dba") })
		disabled(one)
		require.ErrorIs(k, k.store.Update(k.Context(), func(tx store.Tx) error { return tx.Enable("dba") }), store.ErrNotFound)
	})
}
