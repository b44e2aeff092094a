package card

const messageCard = "MessageCard"
