# The Elixir side of this example: what `{Phoenix.PubSub, name: MyApp.PubSub}` does, said with Elixir's own modules, so that
# it runs where Phoenix is not installed. In your application this is one line of a supervision tree.
#
#   elixir --name N --cookie C my_app.exs <Beamish node>
defmodule Phoenix.PubSub do
  def dispatch(entries, from, message) do
    for {pid, _} <- entries, pid != from, do: send(pid, message)
    :ok
  end

  def subscribe(pubsub, topic), do: Registry.register(pubsub, topic, nil)

  def local_broadcast(pubsub, topic, message, dispatcher),
    do: Registry.dispatch(pubsub, topic, {dispatcher, :dispatch, [:none, message]})

  def broadcast(pubsub, topic, message, dispatcher \\ __MODULE__) do
    for pid <- :pg.get_members(Phoenix.PubSub, Module.concat(pubsub, "Adapter")), node(pid) != node() do
      send(pid, {:forward_to_local, topic, message, dispatcher})
    end

    local_broadcast(pubsub, topic, message, dispatcher)
  end
end

defmodule Adapter do
  use GenServer

  def start_link(pubsub),
    do: GenServer.start_link(__MODULE__, pubsub, name: Module.concat(pubsub, "Adapter"))

  @impl true
  def init(pubsub) do
    :ok = :pg.join(Phoenix.PubSub, Module.concat(pubsub, "Adapter"), self())
    {:ok, pubsub}
  end

  @impl true
  def handle_info({:forward_to_local, topic, message, dispatcher}, pubsub) do
    Phoenix.PubSub.local_broadcast(pubsub, topic, message, dispatcher)
    {:noreply, pubsub}
  end
end

[peer] = System.argv()
{:ok, _} = :pg.start_link(Phoenix.PubSub)
{:ok, _} = Registry.start_link(keys: :duplicate, name: MyApp.PubSub)
{:ok, _} = Adapter.start_link(MyApp.PubSub)

{:ok, _} = Phoenix.PubSub.subscribe(MyApp.PubSub, "room:lobby")
true = Node.connect(String.to_atom(peer))

hear = fn hear ->
  receive do
    :bye ->
      :ok

    {:said, who, what} ->
      answer = "I heard #{who} say #{what}"
      :ok = Phoenix.PubSub.broadcast(MyApp.PubSub, "room:lobby", {:answer, node(), answer})
      hear.(hear)

    {:answer, _, _} ->
      hear.(hear)
  end
end

hear.(hear)
