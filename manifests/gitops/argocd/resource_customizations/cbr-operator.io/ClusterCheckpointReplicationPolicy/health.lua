-- Degraded: it failed, or only a person can take it further. Suspended: somebody holds it. The same for every kind:
-- a replication has the condition Succeeded, the others Ready.
local health = { status = "Progressing", message = "Waiting for cbr-operator to look at it" }

if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end

local said = conditions["Succeeded"] or conditions["Ready"]
if said == nil then
  return health
end

health.message = said.reason .. ": " .. said.message
if conditions["Stalled"] ~= nil and conditions["Stalled"].status == "True" then
  health.status = "Degraded"
elseif said.reason == "Suspended" or said.reason == "Restored" then
  health.status = "Suspended"
elseif said.status == "True" then
  health.status = "Healthy"
end
return health
